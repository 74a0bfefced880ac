-- title = "The first record of each five-tuple"
-- description = "As in the CloudWatch Logs Insights samples of AWS. One direction of one conversation."
-- requires = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol", "start", "bytes"]
-- [params]
-- limit = 100
SELECT
    srcaddr,
    dstaddr,
    srcport,
    dstport,
    protocol,
    min(start) AS first_seen,
    count(*) AS records,
    sum(bytes) AS bytes
FROM flow_context
WHERE srcaddr IS NOT NULL
GROUP BY srcaddr, dstaddr, srcport, dstport, protocol
ORDER BY first_seen, srcaddr, dstaddr, srcport, dstport, protocol
LIMIT $limit
