import { z } from 'zod';

// The page's content security policy forbids code made at run time. Imported before any module that makes a schema.
z.config({ jitless: true });
