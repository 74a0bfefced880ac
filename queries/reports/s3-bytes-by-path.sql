-- title = "Path of the S3 bytes of each job"
-- description = "Both directions: downloads are bytes_in. evidence is the confidence of the path; unknown is not a bypass."
-- inventory = true
-- requires = ["interface_id", "srcaddr", "dstaddr", "bytes"]
SELECT
    coalesce(job_name, job_candidates) AS job,
    attribution,
    s3_path,
    s3_evidence,
    count(DISTINCT remote_addr) AS s3_addresses,
    sum(accepted_bytes_out) AS bytes_out,
    sum(accepted_bytes_in) AS bytes_in,
    sum(rejected_out + rejected_in) AS rejected_records
FROM conversations
WHERE attribution IS NOT NULL AND s3_path IS NOT NULL
GROUP BY coalesce(job_name, job_candidates), attribution, s3_path, s3_evidence
ORDER BY job, attribution, s3_path, s3_evidence
