-- title = "Where the bytes of each job went and came from"
-- description = "The port is the one that was called: the remote port, or the local one where the remote side opened."
-- inventory = true
-- requires = ["interface_id", "srcaddr", "dstaddr", "bytes"]
-- [params]
-- limit = 100
SELECT
    coalesce(job_name, job_candidates) AS job,
    attribution,
    remote_addr,
    remote_scope,
    aws_service(remote_addr) AS aws_service,
    CASE WHEN opened_by = 'remote' THEN local_port ELSE remote_port END AS port,
    coalesce(protocol_name(protocol), CAST(protocol AS VARCHAR)) AS protocol,
    opened_by,
    sum(accepted_bytes_out) AS bytes_out,
    sum(accepted_bytes_in) AS bytes_in,
    sum(accepted_out + accepted_in) AS accepted_records,
    sum(rejected_out + rejected_in) AS rejected_records
FROM conversations
WHERE attribution IS NOT NULL AND remote_addr IS NOT NULL
GROUP BY
    coalesce(job_name, job_candidates),
    attribution,
    remote_addr,
    remote_scope,
    CASE WHEN opened_by = 'remote' THEN local_port ELSE remote_port END,
    conversations.protocol,
    opened_by
ORDER BY
    sum(accepted_bytes_out) + sum(accepted_bytes_in) DESC,
    job, attribution, remote_addr, remote_scope, port, protocol, opened_by
LIMIT $limit
