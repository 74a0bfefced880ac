-- Jobs that opened connections and have no baseline. Empty where no job has one.
SELECT
    CAST(NULL AS VARCHAR) AS interface_id,
    coalesce(p.job_name, p.job_candidates) AS job,
    CAST(NULL AS BIGINT) AS records,
    min(p.accepted_first) AS first_seen,
    max(p.accepted_last) AS last_seen
FROM peers AS p
CROSS JOIN (SELECT bool_or(learned) AS learned FROM baseline) AS b
WHERE b.learned
    AND p.attribution IS NOT NULL
    AND p.accepted_out > 0
    AND (p.opened_by IS DISTINCT FROM 'remote')
    AND baseline_rule(p.job_name, p.remote_addr, p.remote_scope, p.remote_port, p.protocol) IS NULL
GROUP BY coalesce(p.job_name, p.job_candidates)
ORDER BY job
