-- title = "Pairs of addresses that moved the most bytes"
-- description = "Sums what each interface recorded, so traffic between two recorded interfaces counts at both."
-- requires = ["srcaddr", "dstaddr", "bytes", "packets", "start", "end"]
-- [params]
-- limit = 20
SELECT
    srcaddr,
    dstaddr,
    sum(bytes) AS bytes,
    sum(packets) AS packets,
    count(*) AS records,
    min(start) AS first_seen,
    max("end") AS last_seen
FROM flow_context
WHERE bytes IS NOT NULL
GROUP BY srcaddr, dstaddr
ORDER BY bytes DESC, packets DESC, srcaddr, dstaddr
LIMIT $limit
