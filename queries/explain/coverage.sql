-- The minutes of the interfaces, by state.
SELECT
    interface_id AS interface,
    state,
    first_seen AS "from",
    last_seen AS "to",
    minutes,
    records,
    nodata,
    skipdata
FROM interface_runs
WHERE (job_name = $name AND coalesce(job_arn, $arn) = $arn) OR array_has(string_to_array(job_candidates, ','), $name)
ORDER BY interface, "from", state
LIMIT 500
