-- Interfaces of jobs of which every record was rejected: the job exchanged nothing through them. flowq
-- excludes those of flow logs that are configured for rejected records only: they cannot show it.
WITH seen AS (
    SELECT
        interface_id,
        coalesce(job_name, job_candidates) AS job,
        sum(accepted) AS accepted,
        sum(rejected) AS rejected,
        sum(without_action) AS without_action,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen
    FROM interface_logs
    GROUP BY interface_id, coalesce(job_name, job_candidates)
)
SELECT interface_id, job, CAST(rejected AS BIGINT) AS records, first_seen, last_seen
FROM seen
WHERE accepted = 0 AND without_action = 0 AND rejected > 0
ORDER BY job, interface_id
