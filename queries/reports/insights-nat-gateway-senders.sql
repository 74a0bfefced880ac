-- title = "Private addresses that sent the most through NAT gateways"
-- description = "As in the NAT gateway section of the CloudWatch Logs Insights samples of AWS; the NAT interfaces come from the inventory."
-- inventory = true
-- requires = ["interface_id", "srcaddr", "dstaddr", "bytes"]
-- [params]
-- limit = 50
SELECT
    flow_context.interface_id,
    srcaddr,
    dstaddr,
    sum(bytes) AS bytes
FROM flow_context
-- Before the gateway rewrites it, the sender is private and is not the gateway itself.
WHERE
    flow_context.interface_id IN (SELECT interface_id FROM nat_gateways)
    AND is_private(srcaddr)
    AND srcaddr NOT IN (SELECT private_ip FROM nat_gateways WHERE private_ip IS NOT NULL)
    AND bytes IS NOT NULL
GROUP BY flow_context.interface_id, srcaddr, dstaddr
ORDER BY bytes DESC, interface_id, srcaddr, dstaddr
LIMIT $limit
