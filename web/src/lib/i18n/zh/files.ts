import type { Translation } from '../translation';

export const files: Translation['files'] = {
  attach: '添加文件',
  attachPicture: '添加图片',
  attachUrl: '通过网址添加文件',
  attachPictureUrl: '通过网址添加图片',
  urlPlaceholder: 'https://example.com/file.pdf',
  pictureUrlPlaceholder: 'https://example.com/picture.png',
  dropHere: '松开即可添加文件',
  dropPictureHere: '松开即可添加图片',
  remove: '移除 {{name}}',
  uploading: '正在上传 {{name}}',
  notTaken: '此应用不接受 {{name}} 这类文件。',
  notPicture: '{{name}} 不是图片。',
  tooMany_one: '此处最多添加 {{count}} 个文件。',
  tooMany_other: '此处最多添加 {{count}} 个文件。',
  openPicture: '打开图片：{{name}}',
};
