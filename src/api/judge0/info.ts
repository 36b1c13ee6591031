import { arch } from 'node:os'
import type { OfferedTemplate } from '../v1/service.ts'
import { MAX_EXTRACT_KB } from './additional-files.ts'
import { mostOf } from './check.ts'
import { MAX_BATCH } from './read-request.ts'

/** The version of Judge0 whose protocol is spoken: its clients look the ids of languages up by it. */
const PROTOCOL = '1.13.1'

/** Returns what `/about` answers. @param version of this product */
export function aboutOf(version: string) {
  const product = `Executor Manager ${version}, which speaks the protocol of Judge0`
  return { version: PROTOCOL, homepage: product, source_code: product, maintainer: product }
}

/** Returns what `/system_info` answers: nothing of the host but what a program sees too. */
export function systemInfo() {
  return { Architecture: arch() }
}

/** Returns what `/config_info` answers: the largest limits that a language has here. */
export function configInfo(templates: readonly OfferedTemplate[], hasCallbacks: boolean) {
  const each = templates.map(({ limits }) => mostOf(limits))
  const most = (name: keyof ReturnType<typeof mostOf>) =>
    each.reduce((highest, limits) => Math.max(highest, limits[name]), 0)
  const hasNetwork = templates.some(({ network }) => network === 'egress')
  return {
    maintenance_mode: false,
    enable_wait_result: true,
    enable_compiler_options: false,
    allowed_languages_for_compile_options: [],
    enable_command_line_arguments: true,
    enable_submission_delete: true,
    enable_callbacks: hasCallbacks,
    callbacks_max_tries: CALLBACK_TRIES,
    callbacks_timeout: 15,
    enable_additional_files: true,
    max_queue_size: 1000,
    cpu_time_limit: most('cpu_time_limit'),
    max_cpu_time_limit: most('cpu_time_limit'),
    cpu_extra_time: 0,
    max_cpu_extra_time: most('cpu_extra_time'),
    wall_time_limit: most('wall_time_limit'),
    max_wall_time_limit: most('wall_time_limit'),
    memory_limit: most('memory_limit'),
    max_memory_limit: most('memory_limit'),
    stack_limit: most('stack_limit'),
    max_stack_limit: most('stack_limit'),
    max_processes_and_or_threads: most('max_processes_and_or_threads'),
    max_max_processes_and_or_threads: most('max_processes_and_or_threads'),
    enable_per_process_and_thread_time_limit: false,
    allow_enable_per_process_and_thread_time_limit: false,
    enable_per_process_and_thread_memory_limit: false,
    allow_enable_per_process_and_thread_memory_limit: false,
    max_file_size: most('max_file_size'),
    max_max_file_size: most('max_file_size'),
    max_extract_size: MAX_EXTRACT_KB,
    number_of_runs: 1,
    max_number_of_runs: most('number_of_runs'),
    redirect_stderr_to_stdout: false,
    max_submission_batch_size: MAX_BATCH,
    enable_batched_submissions: true,
    submission_cache_duration: 0,
    use_docs_as_homepage: false,
    enable_network: hasNetwork,
    allow_enable_network: hasNetwork,
  }
}

export const CALLBACK_TRIES = 3
