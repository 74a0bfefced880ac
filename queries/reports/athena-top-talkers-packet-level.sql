-- title = "Packet-level source addresses with the most traffic"
-- description = "As in the Athena template of AWS."
-- requires = ["pkt_srcaddr", "bytes", "packets"]
-- [params]
-- limit = 50
SELECT
    pkt_srcaddr AS pkt_srcaddr,
    sum(bytes) AS bytes,
    sum(packets) AS packets
FROM flow_context
WHERE pkt_srcaddr IS NOT NULL AND bytes IS NOT NULL
GROUP BY pkt_srcaddr
ORDER BY bytes DESC, pkt_srcaddr
LIMIT $limit
