-- Traffic beyond the job.
-- S3 has a part of its own.
WITH mine AS (
    SELECT *
    FROM peers
    WHERE attribution IS NOT NULL AND remote_scope NOT IN ('same-job', 's3') AND s3_path IS NULL
        AND ((job_name = $name AND coalesce(job_arn, $arn) = $arn) OR array_has(string_to_array(job_candidates, ','), $name))
),
services AS (
    SELECT interface_id, min(service_name) AS service_name
    FROM (SELECT unnest(interface_ids) AS interface_id, service_name FROM vpc_endpoints)
    GROUP BY interface_id
),
named AS (
    SELECT
        m.*,
        CASE m.remote_scope
            WHEN 'endpoint' THEN coalesce(s.service_name, m.remote_addr)
            WHEN 'aws' THEN coalesce(aws_service(m.remote_addr), m.remote_addr)
            WHEN 'other-job' THEN coalesce(concat('job ', m.remote_job_name), m.remote_addr)
            ELSE m.remote_addr
        END AS destination
    FROM mine AS m
    LEFT JOIN services AS s ON s.interface_id = m.remote_interface_id
)
SELECT
    remote_scope AS scope,
    destination,
    coalesce(opened_by, 'unknown') AS opened_by,
    nullif(CASE WHEN opened_by = 'remote' THEN local_port ELSE remote_port END, 0) AS port,
    coalesce(protocol_name(protocol), CAST(protocol AS VARCHAR)) AS protocol,
    traffic_path_name(min(traffic_path)) AS path,
    count(DISTINCT remote_addr) AS addresses,
    CAST(sum(connections) AS BIGINT) AS connections,
    CAST(sum(accepted_out + accepted_in) AS BIGINT) AS accepted_records,
    CAST(sum(rejected_out + rejected_in) AS BIGINT) AS rejected_records,
    CAST(sum(accepted_bytes_out) AS BIGINT) AS bytes_out,
    CAST(sum(accepted_bytes_in) AS BIGINT) AS bytes_in,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM named
GROUP BY remote_scope, destination, coalesce(opened_by, 'unknown'),
    nullif(CASE WHEN opened_by = 'remote' THEN local_port ELSE remote_port END, 0), protocol
ORDER BY sum(accepted_bytes_out + accepted_bytes_in) DESC, scope, destination, opened_by, port, protocol
LIMIT 500
