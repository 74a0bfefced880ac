-- title = "Records to one address"
-- description = "As in the Athena template of AWS. Addresses compare as addresses; a range such as 10.0.0.0/8 works, too."
-- requires = ["start", "end", "interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action"]
-- [params]
-- address = '10.0.0.0/8'
-- limit = 100
SELECT
    start,
    "end",
    interface_id,
    srcaddr,
    dstaddr,
    srcport,
    dstport,
    protocol,
    packets,
    bytes,
    action,
    object,
    line
FROM flow_context
WHERE in_cidr(dstaddr, $address)
ORDER BY start, object, line
LIMIT $limit
