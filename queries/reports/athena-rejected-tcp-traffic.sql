-- title = "TCP records that were refused, with the day of the week"
-- description = "As in the Athena template of AWS. 1 is Monday, 7 is Sunday, in UTC."
-- requires = ["start", "end", "interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action"]
-- [params]
-- limit = 100
SELECT
    start,
    "end",
    (extract(DOW FROM start) + 6) % 7 + 1 AS day_of_week,
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
WHERE action = 'REJECT' AND protocol = 6
ORDER BY start, object, line
LIMIT $limit
