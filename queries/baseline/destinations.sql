-- What jobs opened: one row for each job, destination, service port, protocol and rule of the baseline.
--
-- $since, $until: a conversation belongs to the time in which it was first accepted; NULL: no bound.
-- `rule` is 0 where no rule matches the destination, and NULL where the job has no baseline. A job that is
-- one of several candidates has no name here.
-- Containers of isolated jobs are excluded: no rule allows them anything.
SELECT
    job,
    job_name,
    job_candidates,
    destination,
    remote_scope,
    remote_port,
    protocol,
    rule,
    count(DISTINCT remote_addr) AS addresses,
    count(*) AS connections,
    CAST(sum(accepted_bytes_out) AS BIGINT) AS bytes_out,
    CAST(sum(accepted_bytes_in) AS BIGINT) AS bytes_in,
    min(accepted_first) AS first_seen,
    max(accepted_last) AS last_seen
FROM (
    SELECT
        *,
        coalesce(job_arn, job_name) AS job,
        destination_of(remote_addr, remote_scope) AS destination,
        baseline_rule(job_name, remote_addr, remote_scope, remote_port, protocol) AS rule
    FROM conversations
    WHERE attribution IS NOT NULL
        AND accepted_out > 0
        AND (opened_by IS DISTINCT FROM 'remote')
        AND (network_isolation IS NOT TRUE OR eni_role = 'platform')
        AND remote_scope IS NOT NULL AND remote_scope <> 'local'
        AND ($since IS NULL OR accepted_first >= $since)
        AND ($until IS NULL OR accepted_first < $until)
)
GROUP BY job, job_name, job_candidates, destination, remote_scope, remote_port, protocol, rule
ORDER BY job, destination, remote_scope, remote_port, protocol, rule
