-- What each interface of a job said to whom: one row for each interface, job, 5-tuple, remote and status.
-- Interfaces of NAT gateways are here as well, as witnesses of what went through them.
--
-- Both directions are counted apart, as the interface sees them. opened_by goes by the flags of any
-- record, else by the direction that started first, else by the port rule, as in the view flows.
SELECT
    interface_id, account_id, region, vpc_id, subnet_id,
    job_name, job_arn, job_candidates, attribution, eni_role, network_isolation, eni_belongs_to,
    local_addr, local_port, remote_addr, remote_port, protocol,
    remote_interface_id, remote_job_name, remote_scope,
    CASE
        WHEN local_syn < remote_syn OR (local_syn IS NOT NULL AND remote_syn IS NULL) THEN 'local'
        WHEN remote_syn < local_syn OR (remote_syn IS NOT NULL AND local_syn IS NULL) THEN 'remote'
        -- The 5-tuple was opened from both sides within a second: the higher port asked the lower one.
        WHEN local_syn = remote_syn AND local_port >= remote_port THEN 'local'
        WHEN local_syn = remote_syn THEN 'remote'
        WHEN first_out < first_in THEN 'local'
        WHEN first_in < first_out THEN 'remote'
        WHEN local_port >= 32768 AND remote_port < 32768 THEN 'local'
        WHEN remote_port >= 32768 AND local_port < 32768 THEN 'remote'
    END AS opened_by,
    substr(s3_best, 2) AS s3_path,
    CASE substr(s3_best, 1, 1)
        WHEN '4' THEN 'proven' WHEN '3' THEN 'strong' WHEN '2' THEN 'inferred' WHEN '1' THEN 'unknown'
    END AS s3_evidence,
    log_status, first_seen, last_seen, records,
    accepted_out, accepted_in, rejected_out, rejected_in,
    accepted_packets, accepted_bytes_out, accepted_bytes_in,
    rejected_packets, rejected_bytes_out, rejected_bytes_in,
    accepted_first, accepted_last, rejected_first, rejected_last,
    rejected_syn, rejected_flagless, closed_at, traffic_path, reject_reason,
    evidence_accepted, evidence_rejected
FROM (
    SELECT
        interface_id, job_name, job_candidates, attribution, eni_belongs_to,
        local_addr, local_port, remote_addr, remote_port, protocol,
        remote_interface_id, remote_scope, log_status,
        max(local_account_id) AS account_id,
        max(local_region) AS region,
        max(local_vpc_id) AS vpc_id,
        max(local_subnet_id) AS subnet_id,
        max(job_arn) AS job_arn,
        max(eni_role) AS eni_role,
        bool_or(network_isolation) AS network_isolation,
        max(remote_job_name) AS remote_job_name,
        min(CASE WHEN direction = 'egress' THEN start END) AS first_out,
        min(CASE WHEN direction = 'ingress' THEN start END) AS first_in,
        min(CASE WHEN syn_by = 'local' THEN start END) AS local_syn,
        min(CASE WHEN syn_by = 'remote' THEN start END) AS remote_syn,
        -- The best tier wins; among equals the greatest name, so that the answer does not depend on order.
        max(CASE s3_evidence
            WHEN 'proven' THEN '4' WHEN 'strong' THEN '3' WHEN 'inferred' THEN '2' WHEN 'unknown' THEN '1'
        END || s3_path) AS s3_best,
        min(start) AS first_seen,
        max("end") AS last_seen,
        count(*) AS records,
        sum(CASE WHEN action = 'ACCEPT' AND direction = 'egress' THEN 1 ELSE 0 END) AS accepted_out,
        sum(CASE WHEN action = 'ACCEPT' AND direction = 'ingress' THEN 1 ELSE 0 END) AS accepted_in,
        sum(CASE WHEN action = 'REJECT' AND direction = 'egress' THEN 1 ELSE 0 END) AS rejected_out,
        sum(CASE WHEN action = 'REJECT' AND direction = 'ingress' THEN 1 ELSE 0 END) AS rejected_in,
        sum(CASE WHEN action = 'ACCEPT' THEN packets ELSE 0 END) AS accepted_packets,
        sum(CASE WHEN action = 'ACCEPT' AND direction = 'egress' THEN bytes ELSE 0 END) AS accepted_bytes_out,
        sum(CASE WHEN action = 'ACCEPT' AND direction = 'ingress' THEN bytes ELSE 0 END) AS accepted_bytes_in,
        sum(CASE WHEN action = 'REJECT' THEN packets ELSE 0 END) AS rejected_packets,
        sum(CASE WHEN action = 'REJECT' AND direction = 'egress' THEN bytes ELSE 0 END) AS rejected_bytes_out,
        sum(CASE WHEN action = 'REJECT' AND direction = 'ingress' THEN bytes ELSE 0 END) AS rejected_bytes_in,
        min(CASE WHEN action = 'ACCEPT' THEN start END) AS accepted_first,
        max(CASE WHEN action = 'ACCEPT' THEN "end" END) AS accepted_last,
        min(CASE WHEN action = 'REJECT' THEN start END) AS rejected_first,
        max(CASE WHEN action = 'REJECT' THEN "end" END) AS rejected_last,
        sum(CASE WHEN action = 'REJECT' AND syn_by IS NOT NULL THEN 1 ELSE 0 END) AS rejected_syn,
        sum(CASE WHEN action = 'REJECT' AND protocol = 6 AND tcp_flags IS NOT NULL AND syn_by IS NULL
            THEN 1 ELSE 0 END) AS rejected_flagless,
        -- 5 = FIN 1 + RST 4.
        min(CASE WHEN action = 'ACCEPT' AND tcp_flags & 5 <> 0 THEN "end" END) AS closed_at,
        min(CASE WHEN direction = 'egress' THEN traffic_path END) AS traffic_path,
        max(reject_reason) AS reject_reason,
        first_records(start, object, line) FILTER (WHERE action = 'ACCEPT') AS evidence_accepted,
        first_records(start, object, line) FILTER (WHERE action = 'REJECT') AS evidence_rejected
    FROM flow_context
    WHERE attribution IS NOT NULL OR eni_belongs_to IN ('nat_gateway', 'regional_nat_gateway')
    GROUP BY
        interface_id, job_name, job_candidates, attribution, eni_belongs_to,
        local_addr, local_port, remote_addr, remote_port, protocol,
        remote_interface_id, remote_scope, log_status
)
