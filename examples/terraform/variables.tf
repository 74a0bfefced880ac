variable "name" {
  description = "Name of everything that is created, and of the queue in flowq.toml"
  type        = string
  default     = "flowq"
}

variable "image" {
  description = "Image of flowq with /etc/flowq/flowq.toml, see examples/ecs/Dockerfile"
  type        = string
}

variable "policy_file" {
  description = "What `flowq iam-policy` printed for the flowq.toml of the image; null: iam-policy.json of this module"
  type        = string
  default     = null
}

variable "logs_bucket" {
  description = "Name of the bucket that the flow logs are delivered to. It exists, in this account and region"
  type        = string
}

variable "logs_prefix" {
  description = "Prefix of the flow logs in that bucket"
  type        = string
  default     = "AWSLogs/"
}

variable "lake_bucket" {
  description = "Name of the bucket for lake and state; it is created"
  type        = string
}

variable "cluster_arn" {
  description = "The ECS cluster"
  type        = string
}

variable "subnets" {
  description = "Subnets of the task; they must reach S3, SQS, CloudWatch Logs and the APIs of the inventory"
  type        = list(string)
}

variable "security_groups" {
  description = "Security groups of the task; it needs no ingress"
  type        = list(string)
}

variable "schedule" {
  description = "When the task starts"
  type        = string
  default     = "rate(10 minutes)"
}
