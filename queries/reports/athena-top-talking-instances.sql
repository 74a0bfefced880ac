-- title = "Instances with the most traffic"
-- description = "As in the Athena template of AWS."
-- requires = ["instance_id", "bytes", "packets"]
-- [params]
-- limit = 50
SELECT
    instance_id AS instance_id,
    sum(bytes) AS bytes,
    sum(packets) AS packets
FROM flow_context
WHERE instance_id IS NOT NULL AND bytes IS NOT NULL
GROUP BY instance_id
ORDER BY bytes DESC, instance_id
LIMIT $limit
