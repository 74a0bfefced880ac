-- title = "Pairs of packet-level addresses with the most bytes"
-- description = "As in the Athena template of AWS."
-- requires = ["pkt_srcaddr", "pkt_dstaddr", "bytes"]
-- [params]
-- limit = 50
SELECT
    pkt_srcaddr,
    pkt_dstaddr,
    sum(bytes) AS bytes
FROM flow_context
WHERE pkt_srcaddr IS NOT NULL AND pkt_dstaddr IS NOT NULL AND bytes IS NOT NULL
GROUP BY pkt_srcaddr, pkt_dstaddr
ORDER BY bytes DESC, pkt_srcaddr, pkt_dstaddr
LIMIT $limit
