-- title = "What each job sent to where, by scope and AWS service"
-- description = "Conversations that the remote side opened are left out: answering is no egress."
-- inventory = true
-- requires = ["interface_id", "srcaddr", "dstaddr", "bytes"]
SELECT
    coalesce(job_name, job_candidates) AS job,
    attribution,
    remote_scope,
    aws_service(remote_addr) AS aws_service,
    count(DISTINCT remote_addr) AS remote_addresses,
    sum(accepted_bytes_out) AS bytes_out,
    sum(accepted_bytes_in) AS bytes_in,
    sum(rejected_out) AS refused_records
FROM conversations
WHERE attribution IS NOT NULL AND remote_addr IS NOT NULL AND opened_by IS DISTINCT FROM 'remote'
GROUP BY coalesce(job_name, job_candidates), attribution, remote_scope, aws_service(remote_addr)
ORDER BY job, attribution, remote_scope, aws_service
