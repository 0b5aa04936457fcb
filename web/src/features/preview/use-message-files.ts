import { useState } from 'react';
import { useAttachments } from '@/components/files/use-attachments';
import { type Attachment, type FileRules, uploadFile } from '@/lib/files';

const upload = async (file: File) => (await uploadFile(file)).upload_file_id;

/** The files that go out with the next question of a preview. */
export function useMessageFiles(rules: FileRules | null) {
  const [files, setFiles] = useState<Attachment[]>([]);
  return useAttachments(rules, upload, files, setFiles);
}
