import type { Translation } from '../translation';

export const period: Translation['period'] = {
  today: '今天',
  '7d': '最近 7 天',
  '30d': '最近 30 天',
  '90d': '最近 90 天',
  all: '全部时间',
  custom: '自选日期',
  from: '从',
  to: '到',
};
