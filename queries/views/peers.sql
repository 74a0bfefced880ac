-- Conversations aggregated over the ephemeral ports of the initiator: one row for each interface,
-- job, pair of addresses, service port and remote. Columns are those of conversations, and mean the same.
--
-- A sum here is above zero exactly if it is so in each of its conversations: whether traffic was accepted, rejected or
-- opened by flags is part of the key. So a query that only tests whether there was any gets the same result
-- here as there, from far fewer rows. The ephemeral port is NULL; `connections` counts the conversations,
-- and `connection_starts` are the first hundred times at which one began.
SELECT
    interface_id, account_id, region, vpc_id, subnet_id,
    job_name, job_arn, job_candidates, attribution, eni_role, network_isolation, eni_belongs_to,
    local_addr, local_port, remote_addr, remote_port, protocol,
    remote_interface_id, remote_job_name, remote_scope, opened_by, s3_path, s3_evidence, log_status,
    count(*) AS connections,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen,
    sum(records) AS records,
    sum(accepted_out) AS accepted_out,
    sum(accepted_in) AS accepted_in,
    sum(rejected_out) AS rejected_out,
    sum(rejected_in) AS rejected_in,
    sum(accepted_packets) AS accepted_packets,
    sum(accepted_bytes_out) AS accepted_bytes_out,
    sum(accepted_bytes_in) AS accepted_bytes_in,
    sum(rejected_packets) AS rejected_packets,
    sum(rejected_bytes_out) AS rejected_bytes_out,
    sum(rejected_bytes_in) AS rejected_bytes_in,
    min(accepted_first) AS accepted_first,
    max(accepted_last) AS accepted_last,
    min(rejected_first) AS rejected_first,
    max(rejected_last) AS rejected_last,
    sum(rejected_syn) AS rejected_syn,
    sum(rejected_flagless) AS rejected_flagless,
    min(closed_at) AS closed_at,
    min(traffic_path) AS traffic_path,
    max(reject_reason) AS reject_reason,
    first_starts(starts) AS starts,
    first_starts(first_seen) AS connection_starts,
    max(longest_secs) AS longest_secs,
    first_records(evidence_accepted) AS evidence_accepted,
    first_records(evidence_rejected) AS evidence_rejected
FROM (
    SELECT
        * EXCEPT (local_port, remote_port),
        CASE WHEN opened_by = 'local' THEN NULL ELSE local_port END AS local_port,
        CASE WHEN opened_by = 'remote' THEN NULL ELSE remote_port END AS remote_port,
        accepted_out > 0 AS any_accepted_out,
        accepted_in > 0 AS any_accepted_in,
        rejected_out > 0 AS any_rejected_out,
        rejected_in > 0 AS any_rejected_in,
        rejected_syn > 0 AS any_rejected_syn,
        rejected_flagless > 0 AS any_rejected_flagless
    FROM conversations
)
GROUP BY
    interface_id, account_id, region, vpc_id, subnet_id,
    job_name, job_arn, job_candidates, attribution, eni_role, network_isolation, eni_belongs_to,
    local_addr, local_port, remote_addr, remote_port, protocol,
    remote_interface_id, remote_job_name, remote_scope, opened_by, s3_path, s3_evidence, log_status,
    any_accepted_out, any_accepted_in, any_rejected_out, any_rejected_in, any_rejected_syn, any_rejected_flagless
