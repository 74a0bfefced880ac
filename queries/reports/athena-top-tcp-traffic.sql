-- title = "TCP traffic by source address"
-- description = "As in the Athena template of AWS."
-- requires = ["srcaddr", "protocol", "bytes", "packets"]
-- [params]
-- limit = 50
SELECT
    srcaddr,
    count(*) AS records,
    sum(packets) AS packets,
    sum(bytes) AS bytes
FROM flow_context
WHERE protocol = 6
GROUP BY srcaddr
ORDER BY bytes DESC NULLS LAST, srcaddr
LIMIT $limit
