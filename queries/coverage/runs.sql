-- The lifetime of each interface of a job, run by run.
SELECT
    coalesce(job_name, job_candidates) AS job,
    interface_id,
    attribution,
    state,
    first_seen AS "from",
    last_seen AS "to",
    minutes,
    records,
    nodata,
    skipdata,
    aggregation_secs,
    aggregation_from
FROM interface_runs
ORDER BY job, interface_id, "from", state
