-- title = "Each job on the network: interfaces, peers, bytes, refusals"
-- description = "Counted on the interfaces of the job. A shared interface stands under all its candidates, joined by commas."
-- inventory = true
-- requires = ["interface_id"]
SELECT
    coalesce(job_name, job_candidates) AS job,
    attribution,
    count(DISTINCT interface_id) AS interfaces,
    count(DISTINCT remote_addr) AS remote_addresses,
    sum(accepted_bytes_out) AS bytes_out,
    sum(accepted_bytes_in) AS bytes_in,
    sum(rejected_out + rejected_in) AS rejected_records,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM conversations
WHERE attribution IS NOT NULL
GROUP BY coalesce(job_name, job_candidates), attribution
ORDER BY job, attribution
