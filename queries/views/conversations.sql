-- What each interface of a job exchanged: one row for each interface, job, 5-tuple, remote and status.
-- What interfaces of NAT gateways exchanged with a job's interface, and what those of services (endpoints, file
-- systems …) rejected from it, is included as evidence.
--
-- Both directions are counted separately, relative to the interface. opened_by uses the flags of any record. Where
-- they hold no SYN, whether the beginning of the conversation was seen decides, as in the view flows: where it was,
-- the direction that started first, else the port rule; where it was not, the port rule, and NULL where the
-- direction that started first contradicts it. A beginning before the window counts, where the margin holds it.
-- The sums are those of conversation_sums, which stores values that many conversations share as one number.
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
        -- The 5-tuple was opened from both sides within a second: the side with the higher port is the initiator.
        WHEN local_syn = remote_syn AND local_port >= remote_port THEN 'local'
        WHEN local_syn = remote_syn THEN 'remote'
        WHEN flagged_records = 0 AND saw_beginning(interned(about, 0), least(first_out, first_in)) THEN CASE
            WHEN first_out < first_in THEN 'local'
            WHEN first_in < first_out THEN 'remote'
            WHEN local_port >= 32768 AND remote_port < 32768 THEN 'local'
            WHEN remote_port >= 32768 AND local_port < 32768 THEN 'remote'
        END
        WHEN local_port >= 32768 AND remote_port < 32768 AND (first_in < first_out) IS NOT TRUE THEN 'local'
        WHEN remote_port >= 32768 AND local_port < 32768 AND (first_out < first_in) IS NOT TRUE THEN 'remote'
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
    accepted_out_first, accepted_in_first,
    starts, longest_secs, evidence_accepted, evidence_rejected
FROM conversation_sums
WHERE window_since() IS NULL OR records > 0
