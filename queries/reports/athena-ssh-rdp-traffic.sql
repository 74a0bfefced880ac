-- title = "SSH and RDP records"
-- description = "As in the Athena template of AWS. Destination port 22 or 3389, allowed and refused."
-- requires = ["start", "end", "interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action"]
-- [params]
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
WHERE protocol = 6 AND dstport IN (22, 3389)
ORDER BY start, object, line
LIMIT $limit
