-- What each interface of a job said to whom: one row for each interface, job, 5-tuple, remote and status.
-- What interfaces of NAT gateways exchanged with a job's interface is here as well, as a witness.
--
-- Both directions are counted apart, as the interface sees them. opened_by goes by the flags of any
-- record, else by the direction that started first, else by the port rule, as in the view flows.
-- What many conversations share (interface, job, remote …) is one number while they are summed up.
SELECT
    interned(about, 0) AS interface_id,
    interned(about, 1) AS account_id,
    interned(about, 2) AS region,
    interned(about, 3) AS vpc_id,
    interned(about, 4) AS subnet_id,
    interned(about, 5) AS job_name,
    interned(about, 6) AS job_arn,
    interned(about, 7) AS job_candidates,
    interned(about, 8) AS attribution,
    interned(about, 9) AS eni_role,
    interned(about, 10) = 'true' AS network_isolation,
    interned(about, 11) AS eni_belongs_to,
    interned(about, 12) AS local_addr,
    local_port, remote_addr, remote_port, protocol,
    interned(about, 13) AS remote_interface_id,
    interned(about, 14) AS remote_job_name,
    interned(about, 15) AS remote_scope,
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
    interned(about, 16) AS log_status,
    first_seen, last_seen, records,
    accepted_out, accepted_in, rejected_out, rejected_in,
    accepted_packets, accepted_bytes_out, accepted_bytes_in,
    rejected_packets, rejected_bytes_out, rejected_bytes_in,
    accepted_first, accepted_last, rejected_first, rejected_last,
    rejected_syn, rejected_flagless, closed_at, traffic_path, reject_reason,
    starts, longest_secs, evidence_accepted, evidence_rejected
FROM (
    SELECT
        about, local_port, remote_addr, remote_port, protocol,
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
        -- When it was active, as far as it sent: a rhythm is in these.
        first_starts(CASE WHEN direction = 'egress' THEN start END) AS starts,
        max(CAST("end" AS BIGINT) - CAST(start AS BIGINT)) AS longest_secs,
        first_records(start, object, line) FILTER (WHERE action = 'ACCEPT') AS evidence_accepted,
        first_records(start, object, line) FILTER (WHERE action = 'REJECT') AS evidence_rejected
    FROM (
        SELECT
            *,
            intern(
                interface_id,
                local_account_id,
                local_region,
                local_vpc_id,
                local_subnet_id,
                job_name,
                job_arn,
                job_candidates,
                attribution,
                eni_role,
                CAST(network_isolation AS VARCHAR),
                eni_belongs_to,
                local_addr,
                remote_interface_id,
                remote_job_name,
                remote_scope,
                log_status
            ) AS about
        FROM flow_context
        WHERE attribution IS NOT NULL OR (eni_belongs_to IN ('nat_gateway', 'regional_nat_gateway') AND remote_scope = 'other-job')
    )
    GROUP BY about, local_port, remote_addr, remote_port, protocol
)
