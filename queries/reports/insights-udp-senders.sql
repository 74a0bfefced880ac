-- title = "Addresses that sent UDP"
-- description = "As in the CloudWatch Logs Insights samples of AWS."
-- requires = ["srcaddr", "protocol", "bytes"]
-- [params]
-- limit = 50
SELECT
    srcaddr,
    count(*) AS records,
    sum(bytes) AS bytes
FROM flow_context
WHERE protocol = 17
GROUP BY srcaddr
ORDER BY records DESC, srcaddr
LIMIT $limit
