-- title = "Records that were refused"
-- description = "As in the Athena template of AWS. Oldest first."
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
WHERE action = 'REJECT'
ORDER BY start, object, line
LIMIT $limit
