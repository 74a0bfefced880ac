output "lake" {
  description = "URL of the lake's bucket"
  value       = "s3://${aws_s3_bucket.lake.bucket}"
}

output "queue_arn" {
  description = "The queue that S3 reports new objects to"
  value       = aws_sqs_queue.logs.arn
}

output "task_role_arn" {
  description = "Role of the task"
  value       = aws_iam_role.task.arn
}
