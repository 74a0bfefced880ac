-- title = "Servers that got the most HTTPS packets"
-- description = "As in the Athena guide of AWS."
-- requires = ["dstaddr", "dstport", "packets"]
-- [params]
-- limit = 10
SELECT
    dstaddr,
    sum(packets) AS packets
FROM flow_context
WHERE dstport = 443 AND packets IS NOT NULL
GROUP BY dstaddr
ORDER BY packets DESC, dstaddr
LIMIT $limit
