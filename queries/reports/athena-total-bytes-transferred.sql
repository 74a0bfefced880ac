-- title = "Pairs of addresses with the most bytes"
-- description = "As in the Athena template of AWS."
-- requires = ["srcaddr", "dstaddr", "bytes"]
-- [params]
-- limit = 50
SELECT
    srcaddr,
    dstaddr,
    sum(bytes) AS bytes
FROM flow_context
WHERE srcaddr IS NOT NULL AND dstaddr IS NOT NULL AND bytes IS NOT NULL
GROUP BY srcaddr, dstaddr
ORDER BY bytes DESC, srcaddr, dstaddr
LIMIT $limit
