-- title = "What security groups and network ACLs refused"
-- description = "One row for each interface, addresses, destination port and protocol. Many are scans; look for your own addresses first."
-- requires = ["srcaddr", "dstaddr", "dstport", "protocol", "action"]
-- [params]
-- limit = 50
SELECT
    interface_id,
    srcaddr,
    dstaddr,
    dstport,
    coalesce(protocol_name(protocol), CAST(protocol AS VARCHAR)) AS protocol,
    reject_reason,
    count(*) AS records,
    sum(packets) AS packets,
    sum(bytes) AS bytes,
    min(start) AS first_seen,
    max("end") AS last_seen
FROM flow_context
WHERE action = 'REJECT'
GROUP BY interface_id, srcaddr, dstaddr, dstport, flow_context.protocol, reject_reason
ORDER BY records DESC, interface_id, srcaddr, dstaddr, dstport, protocol, reject_reason
LIMIT $limit
