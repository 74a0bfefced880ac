-- Jobs of the window that may have a VpcConfig and have no known interface: they cannot be judged.
WITH seen AS (
    SELECT min(first_seen) AS since, max(last_seen) AS until FROM peers
),
known AS (
    SELECT job_name FROM enis WHERE job_name IS NOT NULL
    UNION
    SELECT unnest(job_candidates) AS job_name FROM enis
    UNION
    SELECT job_name FROM peers WHERE job_name IS NOT NULL
    UNION
    SELECT unnest(string_to_array(job_candidates, ',')) AS job_name FROM peers
)
SELECT
    CAST(NULL AS VARCHAR) AS interface_id,
    j.job_name AS job,
    CAST(NULL AS BIGINT) AS records,
    j.created_at AS first_seen,
    j.ended_at AS last_seen
FROM jobs AS j
CROSS JOIN seen AS s
LEFT ANTI JOIN known AS k ON k.job_name = j.job_name
WHERE coalesce(j.in_vpc, true)
    AND (coalesce($until, s.until) IS NULL OR j.created_at IS NULL OR j.created_at < coalesce($until, s.until))
    AND (coalesce($since, s.since) IS NULL OR j.ended_at IS NULL OR j.ended_at > coalesce($since, s.since))
ORDER BY job, first_seen
