// An app that came from a file of another server: every kind of file, fields for files and JSON, moderation by a service.
export const ARCHIVE = {
  name: 'Drawing archive',
  description: 'Compares construction drawings with the reports about them.',
  icon: '📐',
  icon_background: '#E4E1F4',
  draft: {
    model: { provider: 'local', name: 'default', mode: 'chat', completion_params: { temperature: 0 } },
    pre_prompt: 'You compare drawings with {{report}}. Name what differs, one line each.',
    prompt_type: 'simple',
    user_input_form: [
      { json_object: { label: 'Report', variable: 'report', required: true } },
      {
        'file-list': {
          label: 'Drawings',
          variable: 'drawings',
          required: true,
          max_length: 5,
          allowed_file_types: ['image', 'document'],
          allowed_file_extensions: [],
          allowed_file_upload_methods: ['local_file', 'remote_url'],
        },
      },
    ],
    opening_statement: '',
    suggested_questions: [],
    suggested_questions_after_answer: { enabled: false },
    sensitive_word_avoidance: { enabled: true, type: 'openai_moderation', config: {} },
    file_upload: {
      enabled: true,
      allowed_file_types: ['image', 'video', 'document', 'audio', 'custom'],
      allowed_file_extensions: ['.STEP', '.DWG'],
      allowed_file_upload_methods: ['local_file', 'remote_url'],
      number_limits: 4,
    },
  },
};
