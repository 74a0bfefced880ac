-- Interfaces of jobs that lived in the window and of which no record was read, not even NODATA.
-- The window is what was asked for, else what the records of all jobs span.
WITH seen AS (
    SELECT min(first_seen) AS since, max(last_seen) AS until FROM peers
)
SELECT
    e.interface_id,
    coalesce(min(e.job_name), min(array_to_string(e.job_candidates, ','))) AS job,
    CAST(NULL AS BIGINT) AS records,
    min(e.valid_from) AS first_seen,
    max(e.valid_to) AS last_seen
FROM enis AS e
CROSS JOIN seen AS s
LEFT ANTI JOIN peers AS c ON c.interface_id = e.interface_id
WHERE e.attribution IS NOT NULL
    AND (coalesce($until, s.until) IS NULL OR e.valid_from IS NULL OR e.valid_from < coalesce($until, s.until))
    AND (coalesce($since, s.since) IS NULL OR e.valid_to IS NULL OR e.valid_to > coalesce($since, s.since))
GROUP BY e.interface_id
ORDER BY job, e.interface_id
