-- title = "Pairs of addresses with the most packets"
-- description = "As in the CloudWatch Logs Insights samples of AWS."
-- requires = ["srcaddr", "dstaddr", "packets"]
-- [params]
-- limit = 15
SELECT
    srcaddr,
    dstaddr,
    sum(packets) AS packets
FROM flow_context
WHERE packets IS NOT NULL
GROUP BY srcaddr, dstaddr
ORDER BY packets DESC, srcaddr, dstaddr
LIMIT $limit
