-- title = "Source addresses with the most traffic"
-- description = "As in the Athena template of AWS."
-- requires = ["srcaddr", "bytes", "packets"]
-- [params]
-- limit = 50
SELECT
    srcaddr AS srcaddr,
    sum(bytes) AS bytes,
    sum(packets) AS packets
FROM flow_context
WHERE srcaddr IS NOT NULL AND bytes IS NOT NULL
GROUP BY srcaddr
ORDER BY bytes DESC, srcaddr
LIMIT $limit
