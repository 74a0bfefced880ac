-- Interfaces of jobs that existed in the window and have no record, not even NODATA. An interface that
-- served several jobs counts for each. `why` has what other interfaces logged of it, if they did: NAT gateways, and
-- interfaces of jobs.
-- The window is that of --since and --until, else the time span of the records of all jobs.
WITH seen AS (
    SELECT min(first_seen) AS since, max(last_seen) AS until FROM peers
),
witnesses AS (
    SELECT
        remote_interface_id AS interface_id,
        sum(records) AS records,
        bool_and(attribution IS NULL) AS is_nat,
        min(interface_id) AS witness
    FROM peers
    WHERE remote_interface_id IS NOT NULL
    GROUP BY remote_interface_id
)
SELECT
    e.interface_id,
    e.job,
    CAST(NULL AS BIGINT) AS records,
    min(e.valid_from) AS first_seen,
    max(e.valid_to) AS last_seen,
    max(CASE
        WHEN w.is_nat THEN concat('only the NAT gateway''s interface was logged: ', w.records, ' records of ', w.witness)
        WHEN w.records > 0 THEN concat('only the other side was logged: ', w.records, ' records of ', w.witness)
    END) AS why
FROM (
    SELECT *, coalesce(job_name, array_to_string(job_candidates, ',')) AS job FROM enis
) AS e
CROSS JOIN seen AS s
LEFT JOIN witnesses AS w ON w.interface_id = e.interface_id
LEFT ANTI JOIN peers AS c
    ON c.interface_id = e.interface_id AND coalesce(c.job_name, c.job_candidates) = e.job
WHERE e.attribution IS NOT NULL
    AND (coalesce($until, s.until) IS NULL OR e.valid_from IS NULL OR e.valid_from < coalesce($until, s.until))
    AND (coalesce($since, s.since) IS NULL OR e.valid_to IS NULL OR e.valid_to > coalesce($since, s.since))
GROUP BY e.interface_id, e.job
ORDER BY e.job, e.interface_id
