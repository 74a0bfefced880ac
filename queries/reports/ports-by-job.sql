-- title = "Which ports each job called and was called on"
-- description = "opened_by is the direction: local, the job called out; remote, it was called; NULL, not known."
-- inventory = true
-- requires = ["interface_id", "srcport", "dstport", "protocol"]
SELECT
    coalesce(job_name, job_candidates) AS job,
    attribution,
    opened_by,
    coalesce(protocol_name(protocol), CAST(protocol AS VARCHAR)) AS protocol,
    CASE WHEN opened_by = 'remote' THEN local_port ELSE remote_port END AS port,
    count(DISTINCT remote_addr) AS remote_addresses,
    sum(accepted_out + accepted_in) AS accepted_records,
    sum(rejected_out + rejected_in) AS rejected_records,
    sum(accepted_bytes_out) AS bytes_out,
    sum(accepted_bytes_in) AS bytes_in
FROM conversations
WHERE attribution IS NOT NULL AND protocol IS NOT NULL
GROUP BY
    coalesce(job_name, job_candidates),
    attribution,
    opened_by,
    conversations.protocol,
    CASE WHEN opened_by = 'remote' THEN local_port ELSE remote_port END
ORDER BY job, attribution, opened_by, protocol, port
