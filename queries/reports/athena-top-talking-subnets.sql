-- title = "Subnets with the most traffic"
-- description = "As in the Athena template of AWS."
-- requires = ["subnet_id", "bytes", "packets"]
-- [params]
-- limit = 50
SELECT
    subnet_id AS subnet_id,
    sum(bytes) AS bytes,
    sum(packets) AS packets
FROM flow_context
WHERE subnet_id IS NOT NULL AND bytes IS NOT NULL
GROUP BY subnet_id
ORDER BY bytes DESC, subnet_id
LIMIT $limit
