-- Traffic of jobs by way, destination, service and initiator, over the whole time.
WITH services AS (
    SELECT interface_id, min(service_name) AS service_name
    FROM (SELECT unnest(interface_ids) AS interface_id, service_name FROM vpc_endpoints)
    GROUP BY interface_id
),
named AS (
    SELECT
        coalesce(p.job_name, p.job_candidates) AS job,
        CASE
            WHEN p.s3_path IS NOT NULL THEN concat('s3 ', p.s3_path)
            ELSE coalesce(p.remote_scope, 'unknown')
        END AS way,
        CASE
            WHEN p.s3_path IS NOT NULL OR p.remote_scope = 's3' THEN 'Amazon S3'
            WHEN p.remote_scope = 'same-job' THEN 'own instances'
            WHEN p.remote_scope = 'endpoint' THEN coalesce(s.service_name, p.remote_addr)
            WHEN p.remote_scope = 'aws' THEN coalesce(aws_service(p.remote_addr), p.remote_addr)
            WHEN p.remote_scope = 'other-job' THEN coalesce(concat('job ', p.remote_job_name), p.remote_addr)
            ELSE p.remote_addr
        END AS destination,
        nullif(CASE WHEN p.opened_by = 'remote' THEN p.local_port ELSE p.remote_port END, 0) AS port,
        coalesce(protocol_name(p.protocol), CAST(p.protocol AS VARCHAR)) AS protocol_text,
        coalesce(p.opened_by, 'unknown') AS initiator,
        p.connections, p.accepted_out + p.accepted_in AS accepted, p.rejected_out + p.rejected_in AS rejected,
        p.accepted_bytes_out, p.accepted_bytes_in, p.s3_evidence, p.first_seen, p.last_seen
    FROM peers AS p
    LEFT JOIN services AS s ON s.interface_id = p.remote_interface_id
    WHERE p.attribution IS NOT NULL AND p.remote_addr IS NOT NULL
)
SELECT
    job,
    way,
    destination,
    port,
    protocol_text AS protocol,
    initiator AS opened_by,
    max(s3_evidence) AS s3_evidence,
    CAST(sum(connections) AS BIGINT) AS connections,
    CAST(sum(accepted) AS BIGINT) AS accepted_records,
    CAST(sum(rejected) AS BIGINT) AS rejected_records,
    CAST(sum(accepted_bytes_out) AS BIGINT) AS bytes_out,
    CAST(sum(accepted_bytes_in) AS BIGINT) AS bytes_in,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM named
GROUP BY job, way, destination, port, protocol_text, initiator
ORDER BY sum(accepted_bytes_out + accepted_bytes_in) DESC, job, way, destination, port, protocol, opened_by
LIMIT $limit
