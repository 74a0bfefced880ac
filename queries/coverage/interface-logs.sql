-- What each flow log that is counted for an interface of a job can contain: records of which action, with which fields.
--
-- `traffic_type` is that of describe-flow-logs for the flow log, or for all flow logs of the interface, its subnet and
-- its VPC where the object names do not identify it. Records that contradict it take precedence. Where it is unknown, it
-- follows from the records of all jobs' interfaces: without one accepted record nothing shows that any would be
-- logged; that none of many is rejected may be by chance, so only from 1,000 accepted records on.
WITH resources AS (
    SELECT interface_id, interface_id AS resource_id FROM enis
    UNION
    SELECT interface_id, subnet_id FROM enis WHERE subnet_id IS NOT NULL
    UNION
    SELECT interface_id, vpc_id FROM enis WHERE vpc_id IS NOT NULL
),
by_id AS (
    SELECT flow_log_id, max(traffic_type) AS traffic_type, max(max_aggregation_secs) AS aggregation_secs
    FROM aws_flow_logs
    GROUP BY flow_log_id
),
by_interface AS (
    SELECT
        r.interface_id,
        CASE WHEN count(DISTINCT f.traffic_type) = 1 THEN max(f.traffic_type) ELSE 'ALL' END AS traffic_type,
        max(f.max_aggregation_secs) AS aggregation_secs
    FROM resources AS r
    JOIN aws_flow_logs AS f ON f.resource_id = r.resource_id
    WHERE f.traffic_type IS NOT NULL
    GROUP BY r.interface_id
),
logged AS (
    SELECT
        *,
        coalesce(job_name, job_candidates) AS job,
        sum(accepted) OVER (PARTITION BY coalesce(flow_log_id, '')) AS all_accepted,
        sum(rejected) OVER (PARTITION BY coalesce(flow_log_id, '')) AS all_rejected
    FROM interface_logs
),
typed AS (
    SELECT
        l.*,
        coalesce(i.aggregation_secs, n.aggregation_secs) AS aggregation_secs,
        CASE WHEN l.flow_log_id IS NULL THEN n.traffic_type ELSE i.traffic_type END AS configured
    FROM logged AS l
    LEFT JOIN by_id AS i ON i.flow_log_id = l.flow_log_id
    LEFT JOIN by_interface AS n ON n.interface_id = l.interface_id
)
SELECT
    interface_id,
    job,
    flow_log_id,
    CASE
        WHEN configured = 'ALL' OR (all_accepted > 0 AND all_rejected > 0) THEN 'ALL'
        WHEN configured = 'REJECT' AND all_accepted = 0 THEN 'REJECT'
        WHEN configured = 'ACCEPT' AND all_rejected = 0 THEN 'ACCEPT'
        WHEN all_accepted = 0 AND all_rejected > 0 THEN 'REJECT'
        WHEN all_rejected = 0 AND all_accepted >= 1000 THEN 'ACCEPT'
        ELSE 'ALL'
    END AS traffic_type,
    coalesce(
        (configured = 'REJECT' AND all_accepted = 0) OR (configured = 'ACCEPT' AND all_rejected = 0), false
    ) AS is_configured,
    CAST(aggregation_secs AS BIGINT) AS aggregation_secs,
    records, nodata, skipdata, accepted, rejected,
    without_action, without_ports, without_start, without_end, without_bytes,
    first_seen, last_seen
FROM typed
ORDER BY job, interface_id, flow_log_id
