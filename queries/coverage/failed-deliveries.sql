-- Flow logs of the VPCs, subnets and interfaces of jobs that AWS cannot deliver: their records are missing.
WITH resources AS (
    SELECT vpc_id AS resource_id FROM enis WHERE attribution IS NOT NULL
    UNION
    SELECT subnet_id FROM enis WHERE attribution IS NOT NULL
    UNION
    SELECT interface_id FROM enis WHERE attribution IS NOT NULL
)
SELECT DISTINCT
    f.flow_log_id,
    CAST(NULL AS VARCHAR) AS interface_id,
    CAST(NULL AS VARCHAR) AS job,
    CAST(NULL AS BIGINT) AS records,
    f.created_at AS first_seen,
    CAST(NULL AS TIMESTAMP) AS last_seen,
    coalesce(f.deliver_logs_error, 'no reason given') AS why
FROM aws_flow_logs AS f
LEFT SEMI JOIN resources AS r ON r.resource_id = f.resource_id
WHERE f.deliver_logs_status = 'FAILED'
ORDER BY flow_log_id
