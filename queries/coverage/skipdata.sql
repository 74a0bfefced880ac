-- Intervals in which AWS lost records of a job's interface: traffic may be missing there.
SELECT
    interface_id,
    coalesce(job_name, job_candidates) AS job,
    CAST(sum(records) AS BIGINT) AS records,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM peers
WHERE attribution IS NOT NULL AND log_status = 'SKIPDATA'
GROUP BY interface_id, coalesce(job_name, job_candidates)
ORDER BY job, interface_id, first_seen
