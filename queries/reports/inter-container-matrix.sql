-- title = "Traffic between the interfaces of one job"
-- description = "One row for each pair as the local interface recorded it; a pair with both sides recorded stands twice."
-- inventory = true
-- requires = ["interface_id", "srcaddr", "dstaddr", "action"]
SELECT
    coalesce(job_name, job_candidates) AS job,
    attribution,
    interface_id,
    local_addr,
    remote_addr,
    remote_interface_id,
    sum(accepted_out + accepted_in) AS accepted_records,
    sum(rejected_out) AS rejected_out,
    sum(rejected_in) AS rejected_in,
    sum(accepted_bytes_out) AS bytes_out,
    sum(accepted_bytes_in) AS bytes_in
FROM conversations
WHERE remote_scope = 'same-job'
GROUP BY coalesce(job_name, job_candidates), attribution, interface_id, local_addr, remote_addr, remote_interface_id
ORDER BY job, attribution, interface_id, local_addr, remote_addr, remote_interface_id
