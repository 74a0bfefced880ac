-- Jobs of the window without a VpcConfig: they have no interface in the VPC, and no flow log shows them.
WITH seen AS (
    SELECT min(first_seen) AS since, max(last_seen) AS until FROM peers
)
SELECT
    CAST(NULL AS VARCHAR) AS interface_id,
    j.job_name AS job,
    CAST(NULL AS BIGINT) AS records,
    j.created_at AS first_seen,
    j.ended_at AS last_seen
FROM jobs AS j
CROSS JOIN seen AS s
WHERE NOT j.in_vpc
    AND (coalesce($until, s.until) IS NULL OR j.created_at IS NULL OR j.created_at < coalesce($until, s.until))
    AND (coalesce($since, s.since) IS NULL OR j.ended_at IS NULL OR j.ended_at > coalesce($since, s.since))
ORDER BY job, first_seen
