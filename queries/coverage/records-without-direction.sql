-- Records of jobs' interfaces without a direction: the log has no flow-direction, and the inventory does not have
-- the interface's own addresses at that time. No detection reads them.
SELECT
    interface_id,
    coalesce(job_name, job_candidates) AS job,
    CAST(sum(records) AS BIGINT) AS records,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM peers
WHERE attribution IS NOT NULL AND local_addr IS NULL AND coalesce(log_status, 'OK') = 'OK'
GROUP BY interface_id, coalesce(job_name, job_candidates)
ORDER BY job, interface_id, first_seen
