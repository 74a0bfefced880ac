-- title = "Where a range of addresses sent the most bytes"
-- description = "As in the CloudWatch Logs Insights samples of AWS."
-- requires = ["srcaddr", "dstaddr", "bytes"]
-- [params]
-- cidr = '10.0.0.0/8'
-- limit = 15
SELECT
    dstaddr,
    sum(bytes) AS bytes
FROM flow_context
WHERE in_cidr(srcaddr, $cidr) AND bytes IS NOT NULL
GROUP BY dstaddr
ORDER BY bytes DESC, dstaddr
LIMIT $limit
