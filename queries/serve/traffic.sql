-- Traffic of jobs over time: one row for each bucket of time, job and way.
--
-- The way of S3 traffic is the best known one of the interface and the remote address, as records of one direction alone
-- often do not show it. $bucket: seconds.
WITH s3_ways AS (
    SELECT
        interface_id,
        remote_addr,
        substr(max(CASE s3_evidence
            WHEN 'proven' THEN '4' WHEN 'strong' THEN '3' WHEN 'inferred' THEN '2' ELSE '1'
        END || s3_path), 2) AS s3_path
    FROM peers
    WHERE attribution IS NOT NULL AND s3_path IS NOT NULL
    GROUP BY interface_id, remote_addr
)
SELECT
    CAST(f.start AS BIGINT) / $bucket * $bucket AS bucket,
    coalesce(f.job_name, f.job_candidates) AS job,
    CASE
        WHEN w.s3_path IS NOT NULL THEN concat('s3 ', w.s3_path)
        WHEN f.s3_path IS NOT NULL THEN concat('s3 ', f.s3_path)
        ELSE coalesce(f.remote_scope, 'unknown')
    END AS way,
    CAST(sum(CASE WHEN f.action = 'ACCEPT' AND f.direction = 'egress' THEN f.bytes END) AS BIGINT) AS bytes_out,
    CAST(sum(CASE WHEN f.action = 'ACCEPT' AND f.direction IS DISTINCT FROM 'egress' THEN f.bytes END) AS BIGINT)
        AS bytes_in,
    count(CASE WHEN f.action = 'ACCEPT' THEN 1 END) AS accepted_records,
    count(CASE WHEN f.action = 'REJECT' THEN 1 END) AS rejected_records
FROM s3_ways AS w
RIGHT JOIN (
    SELECT start, job_name, job_candidates, interface_id, remote_addr, remote_scope, s3_path, action, direction, bytes
    FROM flow_context
    WHERE attribution IS NOT NULL AND remote_addr IS NOT NULL AND start IS NOT NULL
) AS f ON w.interface_id = f.interface_id AND w.remote_addr = f.remote_addr
GROUP BY bucket, job, way
ORDER BY bucket, job, way
